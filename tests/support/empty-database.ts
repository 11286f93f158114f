import { createTestDatabase, type TestDatabase } from "./database.ts";

/** A database without a table of ours, as PostgreSQL makes it. */
export const createEmptyDatabase = (): Promise<TestDatabase> => createTestDatabase({ template: "template0", max: 2 });
