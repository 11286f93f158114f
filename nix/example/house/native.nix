# A service of the machine. The repository of secrets is cloned to /etc/openclaw/secrets, root's alone, and unlocked there.
{
  services.openclaw = {
    deployment = "native";
    environmentFiles = [ "/etc/openclaw/secrets/openclaw.env" ];
    # The timers show it too, so it stands alone in a file.
    credentials.openclaw-token = "/etc/openclaw/secrets/openclaw-token";
    settings.listen.token.credential = "openclaw-token";
  };
}
