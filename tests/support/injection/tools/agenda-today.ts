import { source } from "./_source.ts";

export default source("agenda_today", "Today's appointments.", ["untrusted", "private"]);
