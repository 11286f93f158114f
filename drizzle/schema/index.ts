export * from "./inbox.ts";
export * from "./conversations.ts";
export * from "./runs.ts";
export * from "./outbox.ts";
export * from "./commitments.ts";
export * from "./matrix.ts";
