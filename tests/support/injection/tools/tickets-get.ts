import { source } from "./_source.ts";

export default source("tickets_get", "The open tickets, with their texts.", ["untrusted", "private"]);
