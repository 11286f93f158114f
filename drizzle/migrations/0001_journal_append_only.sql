-- The journal is append-only: not even a bug of ours may rewrite it.
create function journal_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the journal is append-only: % refused', tg_op using errcode = 'insufficient_privilege';
end;
$$;
--> statement-breakpoint
create trigger journal_append_only before update or delete or truncate on "journal"
  for each statement execute function journal_is_append_only();
