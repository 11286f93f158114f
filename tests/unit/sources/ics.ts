/** A VEVENT whose title is its UID. */
export const event = (uid: string, ...lines: string[]): string =>
  ["BEGIN:VEVENT", `UID:${uid}`, "DTSTAMP:20200101T000000Z", `SUMMARY:${uid}`, ...lines, "END:VEVENT"].join("\r\n");

/** A VCALENDAR of these components. */
export const calendar = (...components: string[]): string =>
  ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", ...components, "END:VCALENDAR", ""].join("\r\n");
