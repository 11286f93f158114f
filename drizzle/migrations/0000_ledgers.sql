CREATE TABLE "inbox" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "inbox_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"source" text NOT NULL,
	"channel" text NOT NULL,
	"lane" text NOT NULL,
	"principal" text,
	"kind" text NOT NULL,
	"state" text NOT NULL,
	"reason" text,
	"body" "bytea",
	"run_id" uuid,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "inbox_source_unique" UNIQUE("source")
);
--> statement-breakpoint
CREATE TABLE "conversations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"lane" text NOT NULL,
	"agent" text NOT NULL,
	"active" boolean NOT NULL,
	"reset_turn" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "conversations_lane_agent" UNIQUE("lane","agent")
);
--> statement-breakpoint
CREATE TABLE "turns" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "turns_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"conversation_id" uuid NOT NULL,
	"run_id" uuid NOT NULL,
	"principal" text NOT NULL,
	"tokens" integer NOT NULL,
	"body" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "turns_run_id_unique" UNIQUE("run_id")
);
--> statement-breakpoint
CREATE TABLE "journal" (
	"run_id" uuid NOT NULL,
	"seq" integer NOT NULL,
	"type" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"operation_name" text,
	"provider_name" text,
	"request_model" text,
	"response_model" text,
	"response_id" text,
	"finish_reason" text,
	"provider_request_id" text,
	"tool_name" text,
	"tool_call_id" text,
	"decision" text,
	"rule" text,
	"input_tokens" bigint,
	"output_tokens" bigint,
	"cached_tokens" bigint,
	"error_type" text,
	"duration_ms" integer,
	"payload" "bytea",
	"prev_hash" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "journal_run_id_seq_pk" PRIMARY KEY("run_id","seq")
);
--> statement-breakpoint
CREATE TABLE "run_keys" (
	"run_id" uuid PRIMARY KEY NOT NULL,
	"wrapped" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"conversation_id" uuid NOT NULL,
	"lane" text NOT NULL,
	"agent" text NOT NULL,
	"principal" text NOT NULL,
	"trigger" text NOT NULL,
	"state" text NOT NULL,
	"error" text,
	"policy_hash" text NOT NULL,
	"prompt_hash" text NOT NULL,
	"steps" integer DEFAULT 0 NOT NULL,
	"input_tokens" bigint,
	"output_tokens" bigint,
	"cached_tokens" bigint,
	"cost" numeric(14, 6),
	"cancel_requested_at" timestamp with time zone,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "outbox_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"key" text NOT NULL,
	"run_id" uuid,
	"lane" text NOT NULL,
	"destination" jsonb NOT NULL,
	"body" "bytea" NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"worker" text,
	"not_before" timestamp with time zone DEFAULT now() NOT NULL,
	"remote_id" text,
	"reason" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"sent_at" timestamp with time zone,
	CONSTRAINT "outbox_key_unique" UNIQUE("key")
);
--> statement-breakpoint
CREATE TABLE "commitments" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "commitments_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"call_key" text NOT NULL,
	"principal" text NOT NULL,
	"body" "bytea" NOT NULL,
	"due" date,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"completed_at" timestamp with time zone,
	CONSTRAINT "commitments_call_key_unique" UNIQUE("call_key")
);
--> statement-breakpoint
CREATE TABLE "matrix_rooms" (
	"user_id" text NOT NULL,
	"room_id" text NOT NULL,
	"membership" text NOT NULL,
	"direct" boolean DEFAULT false NOT NULL,
	"inviter" text,
	"encrypted" boolean DEFAULT false NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "matrix_rooms_user_id_room_id_pk" PRIMARY KEY("user_id","room_id")
);
--> statement-breakpoint
CREATE TABLE "matrix_transactions" (
	"txn_id" text NOT NULL,
	"digest" "bytea" NOT NULL,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "matrix_transactions_txn_id_digest_pk" PRIMARY KEY("txn_id","digest")
);
--> statement-breakpoint
CREATE INDEX "inbox_open" ON "inbox" USING btree ("lane","id") WHERE "inbox"."state" in ('new', 'running');--> statement-breakpoint
CREATE INDEX "inbox_run" ON "inbox" USING btree ("run_id") WHERE "inbox"."run_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "conversations_active" ON "conversations" USING btree ("lane") WHERE "conversations"."active";--> statement-breakpoint
CREATE INDEX "turns_conversation" ON "turns" USING btree ("conversation_id","id");--> statement-breakpoint
CREATE INDEX "turns_principal" ON "turns" USING btree ("principal","created_at");--> statement-breakpoint
CREATE INDEX "runs_running" ON "runs" USING btree ("lane") WHERE "runs"."state" = 'running';--> statement-breakpoint
CREATE INDEX "runs_started" ON "runs" USING btree ("started_at");--> statement-breakpoint
CREATE INDEX "outbox_open" ON "outbox" USING btree ("lane","id") WHERE "outbox"."state" in ('pending', 'sending');--> statement-breakpoint
CREATE INDEX "outbox_remote" ON "outbox" USING btree ("remote_id") WHERE "outbox"."remote_id" is not null;--> statement-breakpoint
CREATE INDEX "commitments_open" ON "commitments" USING btree ("principal","due") WHERE "commitments"."completed_at" is null;--> statement-breakpoint
CREATE INDEX "matrix_rooms_room" ON "matrix_rooms" USING btree ("room_id");