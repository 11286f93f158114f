/** Where a job's message goes. */
import type { Config, Job } from "../config/config.ts";
import { destinationOf, type Place } from "../conversation/place.ts";
import type { Sql } from "../db/client.ts";
import { laneOf } from "../ledger/lane.ts";
import { createMatrixRooms } from "../ledger/matrix-rooms.ts";
import { ClawError } from "../errors.ts";

/** A place of `deliver` as messages go there. */
export interface JobPlace extends Place {
  /** As the config has it. */
  readonly name: string;
}

/** The places of a job, in the config's order; in a room that was upgraded, the one that replaced it. Throws where nobody speaks in any. */
export async function placesOf(sql: Sql, config: Config, job: Job): Promise<readonly [JobPlace, ...JobPlace[]]> {
  const found = job.deliver.flatMap((name) => {
    const place = destinationOf(config, name, job.agent, job.bot);
    return place ? [{ ...place, name }] : [];
  });
  const [first, ...rest] = await Promise.all(found.map((place) => now(sql, place)));
  if (!first)
    throw new ClawError("config_invalid", `jobs.${job.name}.deliver: neither its agent nor a bot can speak there`);
  return [first, ...rest];
}

async function now(sql: Sql, place: JobPlace): Promise<JobPlace> {
  if (place.destination.channel !== "matrix") return place;
  const { user, room } = place.destination;
  const joined = (await createMatrixRooms(sql).of(user)).filter(({ membership }) => membership === "join");
  if (joined.some((each) => each.room === room)) return place;
  const successor = joined.find(({ origin }) => origin === room);
  if (!successor) return place;
  const destination = { ...place.destination, room: successor.room, origin: room };
  return { ...place, destination, lane: laneOf(destination) };
}
