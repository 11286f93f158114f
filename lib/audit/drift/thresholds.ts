/** How much history is asked for and how unlikely a change must be, for all metrics together; see docs/decisions. */

/** Runs of a kind before anything is said but that another model serves. */
export const leastBaseline = 50;

/** The newest runs, in which a change is looked for; the baseline is what was before them. */
export const windowRuns = 60;

/** Fewer runs than this are no change, however odd. */
export const leastChanged = 5;

/** In standard deviations of the mean of the runs since the change. */
export const levelThreshold = 4.9;

/** A level that changed by less is nobody's trouble, however sure it is. */
export const leastRatio = 1.15;

/** In powers of ten of the chance; that of the tools is over all of them. */
export const rateThreshold = 4.6;

/** How often it happened since the change, at the least. */
export const leastHits = 4;

/** What hangs together with a change that is told: at this part of the threshold. */
export const alsoScore = 0.7;

/** Changes that began so many runs apart are one. */
export const sameChangeRuns = 15;
