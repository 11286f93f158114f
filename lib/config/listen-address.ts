/** Addresses that a listener is given, such as `0.0.0.0:8080` and `[::1]:8081`. */

/** Where the private listener is unless the config says otherwise. */
export const defaultPrivateAddress = "127.0.0.1:8081";

/** Host, an IPv6 address in its brackets, and port of an address. */
export function splitAddress(address: string): readonly [host: string, port: string] {
  const colon = address.lastIndexOf(":");
  return [address.slice(0, colon), address.slice(colon + 1)];
}

/** Whether a host of an address means every interface. */
export const isWildcard = (host: string): boolean => host === "0.0.0.0" || host === "[::]";

/** The URL by which whoever listens there is reached from the same machine. */
export function localUrl(address: string): string {
  const [host, port] = splitAddress(address);
  return `http://${!isWildcard(host) ? host : host === "[::]" ? "[::1]" : "127.0.0.1"}:${port}`;
}
