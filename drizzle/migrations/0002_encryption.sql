CREATE TABLE "matrix_crypto" (
	"user_id" text NOT NULL,
	"database" text NOT NULL,
	"store" text NOT NULL,
	"key" text NOT NULL,
	"value" text NOT NULL,
	CONSTRAINT "matrix_crypto_user_id_database_store_key_pk" PRIMARY KEY("user_id","database","store","key")
);
--> statement-breakpoint
CREATE TABLE "matrix_devices" (
	"user_id" text PRIMARY KEY NOT NULL,
	"device_id" text NOT NULL,
	"epoch" bigint DEFAULT 0 NOT NULL,
	"holder" text,
	"sync_token" text,
	"store_schema" jsonb,
	"identity" "bytea",
	"ed25519" text,
	"master_key" text,
	"one_time_keys" integer,
	"pulled_at" timestamp with time zone,
	"trouble" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "matrix_identities" (
	"user_id" text PRIMARY KEY NOT NULL,
	"master_key" text,
	"verified" boolean DEFAULT false NOT NULL,
	"trusted_devices" text[] DEFAULT '{}' NOT NULL,
	"seen_master_key" text,
	"seen_device" text,
	"seen_device_key" text,
	"seen_at" timestamp with time zone,
	"pinned_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "matrix_requests" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "matrix_requests_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" text NOT NULL,
	"kind" text NOT NULL,
	"state" text DEFAULT 'open' NOT NULL,
	"asked" jsonb NOT NULL,
	"progress" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"answer" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "matrix_seen" (
	"user_id" text NOT NULL,
	"session_id" text NOT NULL,
	"message_index" bigint NOT NULL,
	"event_id" text NOT NULL,
	CONSTRAINT "matrix_seen_user_id_session_id_message_index_pk" PRIMARY KEY("user_id","session_id","message_index")
);
--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "ciphertext" text;--> statement-breakpoint
ALTER TABLE "matrix_rooms" ADD COLUMN "origin" text;