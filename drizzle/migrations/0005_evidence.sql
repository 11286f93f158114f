CREATE TABLE "checkpoint_heads" (
	"run_id" uuid PRIMARY KEY NOT NULL,
	"number" integer NOT NULL,
	"rows" integer NOT NULL,
	"hash" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "checkpoints" (
	"number" integer PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"runs" integer NOT NULL,
	"heads_hash" "bytea" NOT NULL,
	"previous_hash" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	"signature" "bytea" NOT NULL,
	"public_key" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "drift_alerts" (
	"agent" text NOT NULL,
	"metric" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"facts" jsonb NOT NULL,
	"raised_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "drift_alerts_agent_metric_at_pk" PRIMARY KEY("agent","metric","at")
);
--> statement-breakpoint
CREATE TABLE "ops_sessions" (
	"hash" "bytea" PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"used" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"recipient" text NOT NULL,
	"wrapped" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
DROP INDEX "runs_started";--> statement-breakpoint
ALTER TABLE "run_keys" ALTER COLUMN "wrapped" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "conversation_id" text;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "agent_name" text;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "principal" text;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "trigger" text;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "job" text;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "policy_hash" text;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "prompt_hash" text;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "reasoning_tokens" bigint;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "cost" double precision;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "cost_source" text;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "refusal" boolean;--> statement-breakpoint
ALTER TABLE "journal" ADD COLUMN "answer_length" integer;--> statement-breakpoint
ALTER TABLE "run_keys" ADD COLUMN "audit_wrapped" "bytea";--> statement-breakpoint
ALTER TABLE "run_keys" ADD COLUMN "audit_key_id" uuid;--> statement-breakpoint
ALTER TABLE "run_keys" ADD COLUMN "created_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "run_keys" ADD COLUMN "erased_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "reasoning_tokens" bigint;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "checkpoint" integer;--> statement-breakpoint
CREATE INDEX "checkpoint_heads_number" ON "checkpoint_heads" USING btree ("number");--> statement-breakpoint
CREATE INDEX "ops_sessions_expiry" ON "ops_sessions" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "outbox_unknown" ON "outbox" USING btree ("id") WHERE "outbox"."state" = 'unknown';--> statement-breakpoint
CREATE INDEX "journal_at" ON "journal" USING btree ("at");--> statement-breakpoint
CREATE INDEX "journal_tool" ON "journal" USING btree ("tool_name","at","run_id") WHERE "journal"."tool_name" is not null;--> statement-breakpoint
CREATE INDEX "journal_decision" ON "journal" USING btree ("decision","at","run_id","tool_name") WHERE "journal"."decision" in ('deny', 'ask');--> statement-breakpoint
CREATE INDEX "journal_llm" ON "journal" USING btree ("at") WHERE "journal"."type" in ('llm.answered', 'llm.consulted');--> statement-breakpoint
CREATE INDEX "journal_request" ON "journal" USING btree ("provider_request_id") WHERE "journal"."provider_request_id" is not null;--> statement-breakpoint
CREATE INDEX "journal_response" ON "journal" USING btree ("response_id") WHERE "journal"."response_id" is not null;--> statement-breakpoint
CREATE INDEX "run_keys_retention" ON "run_keys" USING btree ("created_at") WHERE "run_keys"."wrapped" is not null;--> statement-breakpoint
CREATE INDEX "runs_state" ON "runs" USING btree ("state","started_at","id");--> statement-breakpoint
CREATE INDEX "runs_agent" ON "runs" USING btree ("agent","started_at","id");--> statement-breakpoint
CREATE INDEX "runs_principal" ON "runs" USING btree ("principal","started_at","id");--> statement-breakpoint
CREATE INDEX "runs_job" ON "runs" USING btree ("job","started_at","id") WHERE "runs"."job" is not null;--> statement-breakpoint
CREATE INDEX "runs_parent" ON "runs" USING btree ("parent_run_id") WHERE "runs"."parent_run_id" is not null;--> statement-breakpoint
CREATE INDEX "runs_unchecked" ON "runs" USING btree ("finished_at") WHERE "runs"."checkpoint" is null and "runs"."finished_at" is not null;--> statement-breakpoint
CREATE INDEX "runs_started" ON "runs" USING btree ("started_at","id");
--> statement-breakpoint
create function checkpoints_are_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'checkpoints are append-only: % refused', tg_op using errcode = 'insufficient_privilege';
end;
$$;
--> statement-breakpoint
create trigger checkpoints_append_only before update or delete or truncate on "checkpoints"
  for each statement execute function checkpoints_are_append_only();
--> statement-breakpoint
create trigger checkpoint_heads_append_only before update or delete or truncate on "checkpoint_heads"
  for each statement execute function checkpoints_are_append_only();
--> statement-breakpoint
create view audit_runs as
select r.id as run_id, r.started_at, r.finished_at, r.state, r.error, r.agent as agent_name, r.principal, r.trigger, r.job, r.slot,
  r.attempt, r.conversation_id, r.lane, r.parent_run_id, r.policy_hash, r.prompt_hash, r.taint, r.steps,
  r.input_tokens as usage_input_tokens, r.output_tokens as usage_output_tokens,
  r.cached_tokens as usage_cache_read_input_tokens, r.reasoning_tokens as usage_reasoning_output_tokens, r.cost,
  extract(epoch from r.finished_at - r.started_at)::double precision as seconds, r.checkpoint,
  case when k.wrapped is not null then 'gateway' when k.audit_wrapped is not null then 'operator' else 'erased' end as opened_by
from runs r left join run_keys k on k.run_id = r.id;
--> statement-breakpoint
create view audit_llm_calls as
select j.run_id, j.seq, j.at, r.agent as agent_name, r.principal, r.trigger, r.job, r.conversation_id, j.type, j.operation_name,
  j.provider_name, j.request_model, j.response_model, j.response_id, j.provider_request_id,
  j.finish_reason as response_finish_reason, j.refusal, j.input_tokens as usage_input_tokens,
  j.output_tokens as usage_output_tokens, j.cached_tokens as usage_cache_read_input_tokens,
  j.reasoning_tokens as usage_reasoning_output_tokens, j.cost, j.cost_source, j.error_type, j.duration_ms
from journal j join runs r on r.id = j.run_id
where j.type in ('llm.answered', 'llm.consulted', 'llm.failed');
--> statement-breakpoint
create view audit_decisions as
select j.run_id, j.seq, j.at, r.agent as agent_name, r.principal, r.trigger, r.job, j.type, j.tool_name, j.tool_call_id, j.decision,
  j.rule, j.taint, j.approver
from journal j join runs r on r.id = j.run_id
where j.type in ('tool.requested', 'approval.decided');
--> statement-breakpoint
create view audit_tool_calls as
select j.run_id, j.seq, j.at, r.agent as agent_name, r.principal, r.trigger, r.job, j.tool_name, j.tool_call_id, j.decision, j.rule,
  j.taint, a.approver, a.rule as approval, f.seq as finished_seq, f.at as finished_at, f.error_type, f.duration_ms
from journal j join runs r on r.id = j.run_id
left join lateral (
  select f.seq, f.at, f.error_type, f.duration_ms from journal f
  where f.run_id = j.run_id and f.seq > j.seq and f.type = 'tool.finished' and f.tool_call_id = j.tool_call_id
  order by f.seq limit 1
) f on true
left join lateral (
  select a.approver, a.rule from journal a
  where a.run_id = j.run_id and a.seq > j.seq and a.type = 'approval.decided' and a.tool_call_id = j.tool_call_id
  order by a.seq limit 1
) a on true
where j.type = 'tool.requested';
--> statement-breakpoint
create view audit_costs_daily as
select j.at::date as day, r.agent as agent_name, r.job, r.principal, j.provider_name, j.response_model, count(*) as calls,
  count(*) filter (where j.cost is null) as calls_without_cost, sum(j.input_tokens) as usage_input_tokens,
  sum(j.output_tokens) as usage_output_tokens, sum(j.cached_tokens) as usage_cache_read_input_tokens,
  sum(j.reasoning_tokens) as usage_reasoning_output_tokens, sum(j.cost) as cost
from journal j join runs r on r.id = j.run_id
where j.type in ('llm.answered', 'llm.consulted')
group by 1, 2, 3, 4, 5, 6;
