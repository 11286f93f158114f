/** How values and comments stand in TOML. */

/** A basic string. */
export const text = (value: string): string => JSON.stringify(value).replaceAll("\x7f", "\\u007f");

/** An array of strings on one line. */
export const list = (values: readonly string[]): string => `[${values.map(text).join(", ")}]`;

/** Lines of which some are left out. */
export const lines = (...parts: readonly (string | false | undefined)[]): string =>
  parts.filter((part) => part !== false && part !== undefined).join("\n");

/** The same, switched off: each line becomes an option that is off. */
export const off = (section: string): string => section.replaceAll(/^(?!#)(?=.)/gm, "#");
