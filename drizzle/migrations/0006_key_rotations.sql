CREATE TABLE "key_rotations" (
	"number" integer PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"retired_key" "bytea" NOT NULL,
	"checkpoint" integer NOT NULL,
	"checkpoint_hash" "bytea" NOT NULL,
	"signature" "bytea" NOT NULL,
	"public_key" "bytea" NOT NULL
);
--> statement-breakpoint
create trigger key_rotations_append_only before update or delete or truncate on "key_rotations"
  for each statement execute function checkpoints_are_append_only();
