CREATE TABLE "alerts_seen" (
	"fingerprint" text NOT NULL,
	"starts_at" timestamp with time zone NOT NULL,
	"body" "bytea" NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"gone_at" timestamp with time zone,
	CONSTRAINT "alerts_seen_fingerprint_starts_at_pk" PRIMARY KEY("fingerprint","starts_at")
);
--> statement-breakpoint
CREATE TABLE "job_slots" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "job_slots_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"job" text NOT NULL,
	"slot" timestamp with time zone NOT NULL,
	"attempt" integer DEFAULT 1 NOT NULL,
	"cause" text NOT NULL,
	"state" text NOT NULL,
	"run_id" uuid,
	"reason" text,
	"not_before" timestamp with time zone DEFAULT now() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone,
	CONSTRAINT "job_slots_once" UNIQUE("job","slot","attempt")
);
--> statement-breakpoint
CREATE TABLE "jobs" (
	"name" text PRIMARY KEY NOT NULL,
	"known_since" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "schedules" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "schedules_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"call_key" text NOT NULL,
	"principal" text NOT NULL,
	"agent" text NOT NULL,
	"lane" text NOT NULL,
	"destination" jsonb NOT NULL,
	"shared" boolean NOT NULL,
	"cron" text,
	"timezone" text NOT NULL,
	"body" "bytea" NOT NULL,
	"taint" text,
	"next_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "schedules_call_key_unique" UNIQUE("call_key")
);
--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "job" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "slot" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "attempt" integer;--> statement-breakpoint
CREATE INDEX "alerts_seen_gone" ON "alerts_seen" USING btree ("gone_at");--> statement-breakpoint
CREATE INDEX "job_slots_open" ON "job_slots" USING btree ("job","id") WHERE "job_slots"."state" in ('new', 'running', 'delivering');--> statement-breakpoint
CREATE INDEX "schedules_due" ON "schedules" USING btree ("next_at") WHERE "schedules"."next_at" is not null;--> statement-breakpoint
CREATE INDEX "schedules_principal" ON "schedules" USING btree ("principal");--> statement-breakpoint
CREATE INDEX "outbox_run" ON "outbox" USING btree ("run_id") WHERE "outbox"."run_id" is not null;