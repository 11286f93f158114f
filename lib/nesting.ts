/** JSON.parse takes any depth; JSON.stringify and whatever else walks a value fail after some thousand levels. */
export const deepest = 100;

/** Whether a value of JSON is nested deeper than anything honest is. */
export const isTooDeep = (value: unknown, left = deepest): boolean =>
  typeof value === "object" &&
  value !== null &&
  (left === 0 || Object.values(value).some((item) => isTooDeep(item, left - 1)));
