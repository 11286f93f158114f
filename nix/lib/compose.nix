# What a deployment by compose.yaml adds to that file.
{
  # An override for `docker compose -f`: the files of secrets, by where they lie. Their values stay in them.
  override =
    { environmentFiles, postgresEnvironmentFile }:
    {
      services = {
        gateway.env_file = environmentFiles;
        backup.env_file = environmentFiles;
        postgres.env_file = [ postgresEnvironmentFile ];
      };
    };
}
