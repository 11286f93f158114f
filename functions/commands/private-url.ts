import type { Config } from "../../lib/config/config.ts";
import { localUrl } from "../../lib/config/listen-address.ts";

/** Where the gateway's private listener is asked from this machine. */
export const privateUrl = ({ listen }: Config): string => localUrl(listen.private);
