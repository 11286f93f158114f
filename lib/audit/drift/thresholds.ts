/** How much history is asked for and how unlikely a change must be, for all metrics together; see docs/decisions. */

/** Runs of a kind before anything is said but that another model serves. */
export const leastBaseline = 50;

/** The newest runs, in which a change is looked for; the baseline is what was before them. */
export const windowRuns = 60;

/** Fewer runs than this are no change, however odd. */
export const leastChanged = 10;

/** And they must be of so many sittings: one person's afternoon is no change either. */
export const leastSittings = 4;

/** A conversation that rested for so long goes on as another sitting. */
export const sittingMs = 3 * 3_600_000;

/** In standard deviations of the mean of the runs since the change. */
export const levelThreshold = 5.1;

/** No run counts for more than one so many standard deviations away. */
export const mostScore = 2;

/** A level that changed by less is nobody's trouble, however sure it is. */
export const leastRatio = 1.15;

/** In powers of ten of the chance. */
export const rateThreshold = 4.2;

/** The same for the use of tools, over all of an agent's tools: it goes by what is talked about, and so varies more. */
export const toolThreshold = 6;

/** How often it happened since the change, at the least, and in how many sittings. */
export const leastHits = 4;
export const leastHitSittings = 3;

/** What hangs together with a change that is told: at this part of the threshold. */
export const alsoScore = 0.7;

/** Changes that began so many runs apart are one. */
export const sameChangeRuns = 15;
