import assert from "node:assert/strict";
import { test } from "node:test";
import { isControl, parseCommand } from "../../../lib/channel/command.ts";

test("the same commands are known by either prefix, and only by their own", () => {
  assert.deepEqual(parseCommand("!agent ops", "!"), { name: "agent", argument: "ops" });
  assert.deepEqual(parseCommand("/agent ops", "/"), { name: "agent", argument: "ops" });
  assert.equal(parseCommand("/agent ops", "!"), undefined);
  assert.equal(parseCommand("!agent ops", "/"), undefined);
});

test("what is not a command at the very beginning is text", () => {
  for (const text of ["", "/", "/ help", " /help", "help", "/helpme", "/toString", "/constructor", "//help", "/help,"])
    assert.equal(parseCommand(text, "/"), undefined, text);
});

test("an argument keeps its lines and loses its edges", () => {
  assert.deepEqual(parseCommand("/NEW \n one\n two  ", "/"), { name: "new", argument: "one\n two" });
});

test("new and agent keep their turn, the others do not wait", () => {
  assert.equal(isControl({ name: "new", argument: "" }), false);
  assert.equal(isControl({ name: "agent", argument: "x" }), false);
  assert.equal(isControl({ name: "stop", argument: "" }), true);
});
