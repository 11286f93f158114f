# compose.yaml in a user's rootless Docker, with the store's config; the timers are that user's too.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.openclaw;
  inherit (import ./lib) compose secrets;
  timers = if (cfg.settings.scheduler or "external") == "external" then cfg.settings.jobs or { } else { };
  referred = secrets.referred "credential" cfg.settings;
  # A user's units are there for every user's manager.
  forUser = unit: unit // { unitConfig.ConditionUser = cfg.compose.user; };

  override = pkgs.writeText "compose.override.json" (
    builtins.toJSON (
      compose.override {
        inherit (cfg) environmentFiles;
        inherit (cfg.compose) postgresEnvironmentFile;
      }
    )
  );

  # Whoever is in front of it: the service, or the user who looks at logs or makes a backup.
  openclawCompose = pkgs.writeShellApplication {
    name = "openclaw-compose";
    runtimeInputs = [ config.virtualisation.docker.rootless.package ];
    # The project's name is the volumes' name: it must not follow the store's path.
    text = ''
      export DOCKER_HOST="''${DOCKER_HOST:-unix://$XDG_RUNTIME_DIR/docker.sock}"
      export OPENCLAW_DIR=${cfg.configFolder}
      export OPENCLAW_BACKUP_DIR="''${OPENCLAW_BACKUP_DIR:-$HOME/openclaw-backups}"
      export OPENCLAW_PUBLIC=${lib.escapeShellArg cfg.publicAddress}
      export OPENCLAW_PRIVATE=${lib.escapeShellArg cfg.privateAddress}
      exec docker compose --project-name openclaw --file ${cfg.package.source}/compose.yaml --file ${override} \
        ${lib.concatMapStrings (profile: "--profile ${lib.escapeShellArg profile} ") cfg.compose.profiles}"$@"
    '';
  };
  claw = pkgs.writeShellApplication {
    name = "claw";
    runtimeInputs = [ openclawCompose ];
    text = ''
      options=()
      if ! [ -t 0 ] || ! [ -t 1 ]; then options+=(-T); fi
      exec openclaw-compose exec "''${options[@]}" gateway claw "$@"
    '';
  };

  units = pkgs.runCommand "openclaw-user-units" { nativeBuildInputs = [ cfg.package ]; } ''
    export HOME=$TMPDIR OPENCLAW_CONFIG=${cfg.configFolder}/openclaw.toml
    mkdir -p $out/lib/systemd/user
    claw timers systemd --user --dir $out/lib/systemd/user --url http://${cfg.privateAddress} --token-file ${lib.escapeShellArg cfg.tokenFile}
  '';
in
{
  config = lib.mkIf (cfg.enable && cfg.deployment == "compose") {
    assertions = [
      {
        assertion = referred == [ ];
        message = ''services.openclaw.settings refer to credentials (${lib.concatStringsSep ", " referred}), which containers are not given: write { env = "NAME"; } and put the secret into one of environmentFiles'';
      }
      {
        assertion = cfg.credentials == { } && cfg.encryptedCredentials == { };
        message = "services.openclaw.credentials are for the native deployment: put secrets into files of environmentFiles";
      }
      {
        assertion = cfg.environmentFiles != [ ] && cfg.compose.postgresEnvironmentFile != null;
        message = "services.openclaw: the deployment by compose needs environmentFiles and compose.postgresEnvironmentFile";
      }
      {
        assertion = timers == { } || cfg.tokenFile != null;
        message = "services.openclaw.jobs need a token that timers can read: set services.openclaw.tokenFile to a file that holds the token alone";
      }
    ];

    services.openclaw.settings = {
      listen = {
        public = "0.0.0.0:8080";
        private = "0.0.0.0:8081";
      };
      database.owner_url = lib.mkDefault { env = "DATABASE_OWNER_URL"; };
    };

    virtualisation.docker.rootless.enable = true;
    users.users.${cfg.compose.user}.linger = true;

    environment.systemPackages = [
      openclawCompose
      claw
    ];

    systemd.packages = lib.optional (timers != { }) units;

    systemd.user.services = {
      openclaw = forUser {
        description = "OpenClaw: compose.yaml in rootless Docker";
        wantedBy = [ "default.target" ];
        requires = [ "docker.service" ];
        after = [ "docker.service" ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${openclawCompose}/bin/openclaw-compose up --detach --build --remove-orphans";
          ExecStop = "${openclawCompose}/bin/openclaw-compose stop";
          TimeoutStartSec = "30min";
          # At a first start the network may be late, and with it what an image is built from.
          Restart = "on-failure";
          RestartSec = 30;
          TimeoutStopSec = 90;
        };
      };
    }
    // lib.mapAttrs' (job: _: {
      name = "openclaw-job-${job}";
      value = forUser { path = [ pkgs.curl ]; };
    }) timers;

    systemd.user.timers = lib.mapAttrs' (job: _: {
      name = "openclaw-job-${job}";
      value = forUser { wantedBy = [ "timers.target" ]; };
    }) timers;
  };
}
