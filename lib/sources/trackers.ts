/**
 * The trackers there are. A second one is a file beside plane.ts that makes a Tracker, a case here, and a value of
 * `tools.tasks.kind`; the tools stay as they are.
 */
import type { TasksService } from "../config/services.ts";
import { createPlane } from "./plane.ts";
import type { Tracker } from "./tracker.ts";

const trackers = new WeakMap<TasksService, Tracker>();

/** The tracker of a service: the same for the same settings, so that what it learns of the server is kept until they change. */
export function trackerOf(service: TasksService): Tracker {
  const known = trackers.get(service);
  if (known) return known;
  const made = create(service);
  trackers.set(service, made);
  return made;
}

function create(service: TasksService): Tracker {
  switch (service.kind) {
    case "plane":
      return createPlane(service);
  }
}
