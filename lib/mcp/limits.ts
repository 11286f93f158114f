/** Bytes of one message of a server; a larger one ends the connection. */
export const messageLimit = 4 * 1024 * 1024;
