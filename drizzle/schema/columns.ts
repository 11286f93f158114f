import { customType, timestamp } from "drizzle-orm/pg-core";

/** Sealed bytes (AES-256-GCM, see lib/seal.ts) or a hash. */
export const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => "bytea" });

/** A point in time, always with its zone. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });
