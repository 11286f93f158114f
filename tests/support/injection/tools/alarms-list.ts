import { source } from "./_source.ts";

export default source("alarms_list", "Alarms that are firing, with their annotations.", ["untrusted"]);
