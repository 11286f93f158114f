import { source } from "./_source.ts";

export default source("news_unread", "Unread news, by title.", ["untrusted"]);
