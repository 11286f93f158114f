/**
 * Verification by emoji (SAS) between an agent and a person, in a room or by to-device messages. The agent's side of the
 * comparison is the operator's terminal (`claw matrix verify`): never the room, which the homeserver could have changed.
 */
import type {
  OutgoingVerificationRequest,
  RoomMessageRequest,
  Sas,
  VerificationRequest,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { matrixPrincipal } from "../admit.ts";
import type { Sql } from "../../db/client.ts";
import { trustIdentity } from "../../ledger/matrix-identities.ts";
import type { ProgressLine } from "../../ledger/matrix-requests.ts";
import { mayTalk } from "../../policy/access.ts";
import { once, type Tell } from "../notices.ts";
import { publicKeyIn } from "./identity.ts";
import { isCrash } from "./machine.ts";
import { type CryptoMember, settingsOf } from "./member.ts";
import type { DecryptedEvent } from "./read.ts";
import { pull } from "./pull.ts";
import { flushRequests, sendKeyRequest } from "./requests.ts";

/** What verifying needs besides the agent. */
export interface VerificationDeps {
  readonly sql: Sql;
  readonly tell: Tell;
  /** Sends an event to a room, encrypted where the room is; returns its id. */
  readonly sendToRoom: (message: {
    user: string;
    room: string;
    key: string;
    type: string;
    content: object;
  }) => Promise<string>;
}

/** What somebody at a terminal hears of a verification. */
export type Report = (line: ProgressLine, state?: "done" | "failed") => Promise<void>;

type Outgoing = OutgoingVerificationRequest | { readonly id?: string };

/** One person's verification with an agent. */
interface Flow {
  readonly request: VerificationRequest;
  /** The agent began it, so it begins the emoji too. */
  readonly ours: boolean;
  started: boolean;
  shown: boolean;
  confirmed: boolean;
  /** Still to be sent, in this order: what could not be is tried again. */
  readonly unsent: Outgoing[];
  over: boolean;
  said: string | undefined;
  report: Report | undefined;
}

/** The verifications of one process's agents. */
export class Verifications {
  readonly #deps: VerificationDeps;
  /** By agent and person. */
  readonly #flows = new Map<string, Flow>();

  constructor(deps: VerificationDeps) {
    this.#deps = deps;
  }

  /** Whether the agent waits for to-device messages of one. */
  isBusy(member: CryptoMember): boolean {
    return [...this.#flows].some(([key, { over }]) => !over && key.startsWith(`${member.user} `));
  }

  /** Takes an event of a room. One that is malformed is passed over: it must not hold up what others wrote. */
  async receive(member: CryptoMember, event: DecryptedEvent): Promise<void> {
    const { machine, user, log } = member;
    const taken = await machine.unit(async (olm) => {
      try {
        const room = new machine.wasm.RoomId(event.room_id);
        await olm.receiveVerificationEvent(JSON.stringify({ unsigned: {}, ...event }), room);
        return true;
      } catch (thrown) {
        if (isCrash(thrown)) throw thrown;
        return false;
      }
    });
    if (!taken)
      return log.warn(
        { user, sender: event.sender, event: event.event_id },
        "matrix: a verification's event is malformed",
      );
    await this.#find(member, event.sender);
    await this.advance(member);
  }

  /** Begins one, or goes on with the one the person began; `report` hears how it goes. */
  async begin(member: CryptoMember, person: string, room: string, report: Report): Promise<void> {
    await this.#find(member, person);
    const open = this.#flows.get(keyOf(member, person));
    if (open && !open.over) {
      open.report = report;
      open.shown = false;
      open.said = undefined;
      await report({ text: `${person} has asked to be verified with ${member.user} already.` });
      return this.advance(member);
    }
    const { machine } = member;
    const { wasm } = machine;
    await machine.unit((olm) => olm.updateTrackedUsers([new wasm.UserId(person)]));
    await flushRequests(member);
    const methods = (): number[] => [wasm.VerificationMethod.SasV1];
    const content = await machine.unit(async (olm) => {
      const identity = await olm.getIdentity(new wasm.UserId(person));
      return identity instanceof wasm.OtherUserIdentity ? identity.verificationRequestContent(methods()) : undefined;
    });
    if (content === undefined)
      return report({ text: `${person} has no cross-signing identity: set it up in their client first.` }, "failed");
    const event = await this.#deps.sendToRoom({
      user: member.user,
      room,
      key: `verification:${member.user}:${person}:${Date.now()}`,
      type: "m.room.message",
      content: JSON.parse(content) as object,
    });
    const request = await machine.unit(async (olm) => {
      const identity = await olm.getIdentity(new wasm.UserId(person));
      return identity instanceof wasm.OtherUserIdentity
        ? identity.requestVerification(new wasm.RoomId(room), new wasm.EventId(event), methods())
        : undefined;
    });
    if (!request) return report({ text: `${person}'s identity is gone.` }, "failed");
    this.#flows.set(keyOf(member, person), { ...newFlow(request, true), report });
    await report({ text: `Asked ${person} in ${room}: accept it in their client.` });
  }

  /** What the person at the terminal says of the emoji; said again, it only goes on with what is under way. */
  async answer(member: CryptoMember, person: string, same: boolean): Promise<void> {
    const flow = this.#flows.get(keyOf(member, person));
    const sas = flow && (await member.machine.unit(async () => flow.request.getVerification()));
    if (flow && !flow.confirmed && isSas(sas)) {
      flow.confirmed = true;
      const requests = await member.machine.unit(async (): Promise<(Outgoing | undefined)[]> =>
        same ? sas.confirm() : [sas.cancelWithCode("m.mismatched_sas")],
      );
      flow.unsent.push(...requests.filter((request) => request !== undefined));
    }
    await this.advance(member);
  }

  /** Does what is our turn in all of the agent's verifications. Throws where something could not be sent: call it again. */
  advance(member: CryptoMember): Promise<void> {
    return member.mutex.run("verification", async () => {
      for (const [key, flow] of this.#flows) {
        if (flow.over || !key.startsWith(`${member.user} `)) continue;
        await this.#sendAll(member, flow);
        for (let turn = 0; turn < 5; turn++) {
          const request = await member.machine.unit(async () => this.#turn(member, flow));
          if (!request) break;
          flow.unsent.push(request);
          await this.#sendAll(member, flow);
        }
        await this.#sendReplies(member);
        await this.#tellState(member, key, flow);
      }
    });
  }

  async #sendAll(member: CryptoMember, { unsent }: Flow): Promise<void> {
    for (let next = unsent[0]; next; next = unsent[0]) {
      await this.#send(member, next);
      unsent.shift();
    }
  }

  /** What the machine answers by itself: its key, its MAC, that it is done. Those for devices are sent by every pull. */
  async #sendReplies(member: CryptoMember): Promise<void> {
    for (const request of await member.machine.unit((olm) => olm.outgoingRequests()))
      if (isRoomMessage(request)) await this.#send(member, request);
  }

  async #turn(member: CryptoMember, flow: Flow): Promise<OutgoingVerificationRequest | undefined> {
    const { VerificationRequestPhase: Phase, VerificationMethod } = member.machine.wasm;
    const { request, ours } = flow;
    const phase = request.phase();
    if (phase === Phase.Requested && !request.weStarted()) return request.acceptWithMethods([VerificationMethod.SasV1]);
    if (phase === Phase.Ready && ours && !flow.started) {
      flow.started = true;
      return (await request.startSas())?.[1];
    }
    const sas = phase === Phase.Transitioned ? request.getVerification() : undefined;
    return isSas(sas) && !sas.weStarted() && !sas.hasBeenAccepted() ? sas.accept() : undefined;
  }

  async #tellState(member: CryptoMember, key: string, flow: Flow): Promise<void> {
    const { request, report } = flow;
    const person = key.slice(member.user.length + 1);
    const state = await member.machine.unit(async () => {
      const sas = request.getVerification();
      return {
        done: request.isDone(),
        cancelled: request.isCancelled() ? (request.cancelInfo?.reason() ?? "cancelled") : undefined,
        emoji: isSas(sas) && sas.canBePresented() ? sas.emoji() : undefined,
      };
    });
    if (state.done) return this.#finish(member, person, flow);
    if (state.cancelled !== undefined) {
      flow.over = true;
      await this.#forgetFinished(member);
      await report?.({ text: `It was cancelled: ${state.cancelled}` }, "failed");
    } else if (state.emoji && report && !flow.shown) {
      flow.shown = true;
      const emoji = state.emoji.map(({ symbol, description }) => ({ symbol, description }));
      await report({ text: `Compare with what ${person} sees:`, emoji });
    } else if (!report && flow.said === undefined) {
      flow.said = "accepted";
      const room = request.roomId?.toString();
      if (room !== undefined)
        this.#deps.tell({
          user: member.user,
          room,
          key: once("verification", member.user, request.flowId),
          text: `I take part. Start the emoji comparison here, and run \`claw matrix verify ${member.agent} --with ${person}\` where the gateway runs: it shows my emoji. I show none in the room, where they could be forged.`,
        });
    }
  }

  /** The person is who the operator compared emoji with: this identity is theirs, whatever was seen first. */
  async #finish(member: CryptoMember, person: string, flow: Flow): Promise<void> {
    const { wasm } = member.machine;
    flow.over = true;
    await flushRequests(member);
    // The machine believes its own signature only once the homeserver shows it.
    const query = await member.machine.unit(async (olm) => olm.queryKeysForUsers([new wasm.UserId(person)]));
    await sendKeyRequest(member, query);
    const masterKey = await member.machine.unit(async (olm) => {
      const identity = await olm.getIdentity(new wasm.UserId(person));
      return identity?.isVerified() ? publicKeyIn(identity.masterKey) : undefined;
    });
    await this.#forgetFinished(member);
    if (masterKey === undefined) return flow.report?.({ text: "It ended, but did not verify the identity." }, "failed");
    await trustIdentity(this.#deps.sql, person, masterKey, true);
    member.log.info({ user: member.user, person }, "matrix: a person was verified");
    await flow.report?.({ text: `Verified: ${person} and ${member.user} know each other's keys.` }, "done");
  }

  /** The machine forgets finished ones when it is given a sync; until then it refuses the next one of the same person. */
  async #forgetFinished(member: CryptoMember): Promise<void> {
    member.pulling.oneTimeKeys = undefined;
    await pull(member);
  }

  async #find(member: CryptoMember, person: string): Promise<void> {
    const agent = settingsOf(member);
    if (!agent || !mayTalk(member.config(), matrixPrincipal(person), agent, undefined)) return;
    const { wasm } = member.machine;
    const requests = await member.machine.unit(async (olm) => olm.getVerificationRequests(new wasm.UserId(person)));
    const key = keyOf(member, person);
    const known = this.#flows.get(key);
    for (const request of requests)
      if (!request.isDone() && !request.isCancelled() && known?.request.flowId !== request.flowId)
        this.#flows.set(key, newFlow(request, request.weStarted()));
  }

  async #send(member: CryptoMember, request: Outgoing): Promise<void> {
    if (!isRoomMessage(request)) return sendKeyRequest(member, request as Parameters<typeof sendKeyRequest>[1]);
    const { id, room_id: room, event_type: type, txn_id: txn, body } = request;
    const content = JSON.parse(body) as object;
    const key = `verification:${member.user}:${txn}`;
    const event = await this.#deps.sendToRoom({ user: member.user, room, key, type, content });
    const { RequestType } = member.machine.wasm;
    await member.machine.unit((olm) =>
      olm.markRequestAsSent(id, RequestType.RoomMessage, JSON.stringify({ event_id: event })),
    );
  }
}

const keyOf = ({ user }: CryptoMember, person: string): string => `${user} ${person}`;

const newFlow = (request: VerificationRequest, ours: boolean): Flow => ({
  request,
  ours,
  started: false,
  shown: false,
  confirmed: false,
  unsent: [],
  over: false,
  said: undefined,
  report: undefined,
});

const isSas = (verification: unknown): verification is Sas =>
  typeof verification === "object" && verification !== null && "emoji" in verification;

const isRoomMessage = (request: object): request is RoomMessageRequest => "room_id" in request;
