/** Child: a person on a real homeserver with matrix-js-sdk's encrypting client. */
import { setTimeout as sleep } from "node:timers/promises";
import { type MatrixEvent, MatrixEventEvent } from "matrix-js-sdk";
import { type EncryptedPerson, startEncryptedPerson } from "../live/support/encrypted-person.ts";
import { serveCalls, sharedClock } from "./child.ts";
import type { SynapseClientCalls } from "./protocol.ts";

let person: EncryptedPerson | undefined;

function known(): EncryptedPerson {
  if (!person) throw new Error("open() comes first");
  return person;
}

const giveUpMs = 30_000;

/** Resolves when the next message of this sender has been decrypted. */
function nextAnswer(room: string, sender: string): Promise<void> {
  const { client } = known();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(new Error(`no answer within ${giveUpMs} ms`)), giveUpMs);
    const look = (event: MatrixEvent): void => {
      if (event.getRoomId() !== room || event.getSender() !== sender) return;
      if (event.isDecryptionFailure() || event.getType() !== "m.room.message") return;
      end();
    };
    const end = (error?: Error): void => {
      clearTimeout(timer);
      client.off(MatrixEventEvent.Decrypted, look);
      if (error) reject(error);
      else resolve();
    };
    client.on(MatrixEventEvent.Decrypted, look);
  });
}

serveCalls<SynapseClientCalls>({
  async open({ url, user }) {
    person = await startEncryptedPerson(url, user);
    return person.createEncryptedRoom();
  },
  async invite({ room, user }) {
    await known().client.invite(room, user);
    await known().until(room, `${user} to join`, (found) => found.getMember(user)?.membership === "join");
  },
  async turns({ room, agent, count, pauseMs }) {
    const times: number[] = [];
    while (times.length < count) {
      const answered = nextAnswer(room, agent);
      const began = sharedClock();
      await Promise.all([known().say(room, "hi"), answered.then(() => times.push(sharedClock() - began))]);
      await sleep(pauseMs);
    }
    return times;
  },
});
