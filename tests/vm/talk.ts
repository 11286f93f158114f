/** One person of the NixOS test: says something to an agent in an encrypted room, and prints the decrypted answer. */
import { startEncryptedPerson } from "../live/support/encrypted-person.ts";
import { answerWith, bodyOf, directChat } from "../live/support/encrypted-stage.ts";
import { registerUser } from "../live/support/synapse-users.ts";

const [url = "", name = "", agent = "", text = ""] = process.argv.slice(2);
const user = await registerUser(url, process.env["REGISTRATION_SECRET"] ?? "", name, "secret");
const person = await startEncryptedPerson(url, user, { signedDevicesOnly: true });
const room = await directChat(person, agent);
await person.say(room, text);
const answer = await answerWith(person, room, agent, text);
console.log(`encrypted ${answer.isEncrypted()}: ${bodyOf(answer)}`);
person.stop();
process.exit(0);
