import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { declines, isRefusal } from "../../../lib/llm/refusal.ts";

const refusals = [
  "I'm sorry, but I can't help with that.",
  "I’m sorry, but I can’t assist with that request.",
  "I cannot help with instructions for breaking into someone's account.",
  "I can't assist with that.",
  "Sorry, I can't help with that.",
  "I'm sorry, I cannot provide instructions for making that.",
  "I am unable to assist with this request. If you have another question, ask.",
  "I'm not able to help with that.",
  "I won't help you with that.",
  "I can't help.",
  "Unfortunately, I cannot comply with this request.",
  "My apologies, but I must decline.",
  "I must respectfully decline to answer.",
  "I have to decline this request.",
  "I can't create that content.",
  "I'm sorry, but I cannot discuss that topic.",
  "  I apologize, but I will not participate in this.",
];

const answers = [
  "",
  "Here you are: the lights are off.",
  "I'm sorry, but I can't find the file notes.txt on the server.",
  "I can't reach the calendar: it does not answer.",
  "I cannot find any event named dentist this week.",
  "I'm sorry to hear that. Shall I move the meeting?",
  "Sorry, the feed has nothing new since yesterday.",
  "I can't help noticing that the disk fills up by 2 GB a day.",
  "I can help with that. I can't promise it is quick, though.",
  "Unfortunately, the job failed at 03:00.",
  "I am unable to read the room's older messages, since they are encrypted.",
  "She wrote: I'm sorry, but I can't help with that.",
  "I decline in the chart to a lower slope at 14:00.",
  "I cannot generate more than four thumbnails at once; here are the first four.",
  "I will help with that.",
];

describe("a refusal", () => {
  for (const text of refusals) test(`is: ${text.trim()}`, () => assert.equal(declines(text), true));
  for (const text of answers) test(`is not: ${text}`, () => assert.equal(declines(text), false));

  test("is short: what goes on at length has answered something", () => {
    assert.equal(declines(`I can't help with that. ${"But here is what I found. ".repeat(40)}`), false);
  });

  const answer = { said: false, finishReason: "stop", text: "I can't help with that.", toolCalls: [] };

  test("is what the provider says is one", () => {
    assert.equal(isRefusal({ ...answer, text: "Nein.", said: true }), true);
    assert.equal(isRefusal({ ...answer, text: "", finishReason: "content_filter" }), true);
    assert.equal(isRefusal({ ...answer, text: "Nein." }), false);
  });

  test("is no text beside which a tool is called", () => {
    assert.equal(isRefusal(answer), true);
    assert.equal(isRefusal({ ...answer, toolCalls: [{ id: "1", name: "time_now", arguments: "{}" }] }), false);
  });
});
