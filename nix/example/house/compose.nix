# Containers in the rootless Docker of a user, who has cloned the repository of secrets and unlocked it.
{
  services.openclaw = {
    deployment = "compose";
    compose = {
      user = "me";
      postgresEnvironmentFile = "/home/me/secrets/postgres.env";
    };
    environmentFiles = [ "/home/me/secrets/openclaw.env" ];
    tokenFile = "/home/me/secrets/openclaw-token";
    settings.listen.token.env = "OPENCLAW_TOKEN";
    # By its name in compose.yaml; or where the gateway's container reaches yours.
    matrix.homeserver = "http://synapse:8008";
  };
}
