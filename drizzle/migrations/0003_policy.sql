CREATE TABLE "approvals" (
	"code" text PRIMARY KEY NOT NULL,
	"run_id" uuid NOT NULL,
	"seq" integer NOT NULL,
	"call_hash" text NOT NULL,
	"agent" text NOT NULL,
	"tool" text NOT NULL,
	"principal" text NOT NULL,
	"lane" text NOT NULL,
	"rule" text NOT NULL,
	"body" "bytea" NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"decided_by" text,
	"decided_at" timestamp with time zone,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "approvals_call" UNIQUE("run_id","seq")
);
--> statement-breakpoint
CREATE TABLE "budget_holds" (
	"id" uuid PRIMARY KEY NOT NULL,
	"run_id" uuid NOT NULL,
	"scopes" text NOT NULL,
	"tokens" bigint NOT NULL,
	"money" numeric(14, 6) NOT NULL,
	"worker" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "budgets" (
	"scope" text NOT NULL,
	"period" text NOT NULL,
	"tokens" bigint DEFAULT 0 NOT NULL,
	"money" numeric(14, 6) DEFAULT '0' NOT NULL,
	"held_tokens" bigint DEFAULT 0 NOT NULL,
	"held_money" numeric(14, 6) DEFAULT '0' NOT NULL,
	"warned_at" timestamp with time zone,
	CONSTRAINT "budgets_scope_period_pk" PRIMARY KEY("scope","period")
);
--> statement-breakpoint
CREATE TABLE "mcp_pins" (
	"server" text NOT NULL,
	"tool" text NOT NULL,
	"hash" text NOT NULL,
	"shape" text NOT NULL,
	"pinned_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "mcp_pins_server_tool_pk" PRIMARY KEY("server","tool")
);
--> statement-breakpoint
CREATE TABLE "notes" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "notes_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"agent" text NOT NULL,
	"principal" text NOT NULL,
	"title_hash" text NOT NULL,
	"body" "bytea" NOT NULL,
	"taint" text,
	"call_key" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "notes_title" UNIQUE("agent","principal","title_hash")
);
--> statement-breakpoint
ALTER TABLE "turns" ADD COLUMN "taint" text;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "taint" text;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "approver" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "parent_run_id" uuid;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "taint" text;--> statement-breakpoint
ALTER TABLE "commitments" ADD COLUMN "taint" text;--> statement-breakpoint
CREATE INDEX "approvals_pending" ON "approvals" USING btree ("expires_at") WHERE "approvals"."state" = 'pending';--> statement-breakpoint
CREATE INDEX "budget_holds_worker" ON "budget_holds" USING btree ("worker");--> statement-breakpoint
CREATE INDEX "notes_updated" ON "notes" USING btree ("agent","principal","updated_at");