/** How much history is asked for and how unlikely a change must be, for all metrics together; see docs/decisions. */

/** Runs of a kind before anything is said but that another model serves. */
export const leastBaseline = 50;

/** The newest runs, in which a change is looked for; the baseline is what was before them. */
export const windowRuns = 60;

/** Fewer runs than this are no change, however odd. */
export const leastChanged = 10;

/** And they must be of so many sittings: one person's afternoon is no change either. */
export const leastSittings = 5;

/** What is left of a number that the length of history explains goes less by what is talked about. */
export const leastSittingsOfInput = 2;

/** The provider's pace does not go by it at all; it only may be slow for an hour. */
export const leastSittingsOfPace = 2;

/** What none of so many sittings did is a new habit, and not a subject that had not come up. */
export const manySittings = 25;

/** What a token costs goes by nothing that is said. */
export const leastSittingsOfPrice = 1;

/** How long a history is is only guessed. */
export const leastRatioOfInput = 1.22;

/** The same tokens at another price are a change as soon as it is seen: what they cost is known to the penny. */
export const leastRatioOfPrice = 1.03;

/** What went wrong so soon after something else did has the same cause. */
export const outageMs = 3_600_000;

/** A conversation that rested for so long goes on as another sitting. */
export const sittingMs = 3 * 3_600_000;

/** In standard deviations of the mean of the runs since the change; more where it is known from few sittings what is usual. */
export const levelThreshold = (sittings: number): number => 4.7 * (1 + 8 / sittings);

/** No run counts for more than one so many standard deviations away. */
export const mostScore = 5;

/** A level that changed by less is nobody's trouble, however sure it is. */
export const leastRatio = 1.15;

/** In powers of ten of the chance. */
export const rateThreshold = 3.6;

/** The same for the use of tools, over all of an agent's tools: it goes by what is talked about, and so varies more. */
export const toolThreshold = 6;

/** How often something went wrong since the change, at the least, and in how many sittings. */
export const leastFaults = { hits: 4, sittings: 3 };

/** The same of a tool that is used more: one question about something new is no habit. */
export const leastUses = { hits: 5, sittings: 2 };

/** What hangs together with a change that is told: at this part of the threshold. */
export const alsoScore = 0.7;

/** Changes that began so many runs apart are one. */
export const sameChangeRuns = 15;
