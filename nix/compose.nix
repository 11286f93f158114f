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
  docker = "${config.virtualisation.docker.rootless.package}/bin/docker";
  timers = if (cfg.settings.scheduler or "external") == "external" then cfg.settings.jobs or { } else { };
  mine = {
    unitConfig.ConditionUser = cfg.compose.user;
  };

  # compose.yaml names files of secrets beside the config: here they are empty, and the override adds yours.
  folder = pkgs.runCommand "openclaw-compose-config" { } ''
    cp -r ${cfg.configFolder} $out
    chmod -R u+w $out
    touch $out/.env $out/postgres.env
  '';
  override = pkgs.writeText "compose.override.json" (
    builtins.toJSON (
      compose.override {
        inherit (cfg) environmentFiles;
        inherit (cfg.compose) postgresEnvironmentFile;
      }
    )
  );
  # The project's name is the volumes' name: it must not follow the store's path.
  command = lib.concatStringsSep " " (
    [
      "${docker} compose --project-name openclaw"
      "--file ${cfg.package.source}/compose.yaml --file ${override}"
    ]
    ++ map (profile: "--profile ${lib.escapeShellArg profile}") cfg.compose.profiles
  );

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
        assertion = secrets.referred "credential" cfg.settings == [ ];
        message = ''services.openclaw.settings refer to credentials (${lib.concatStringsSep ", " (secrets.referred "credential" cfg.settings)}), which containers are not given: write { env = "NAME"; } and put the secret into one of environmentFiles'';
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

    systemd.packages = lib.optional (timers != { }) units;

    systemd.user.services = {
      openclaw = lib.recursiveUpdate mine {
        description = "OpenClaw: compose.yaml in rootless Docker";
        wantedBy = [ "default.target" ];
        requires = [ "docker.service" ];
        after = [ "docker.service" ];
        environment = {
          DOCKER_HOST = "unix://%t/docker.sock";
          OPENCLAW_DIR = "${folder}";
          OPENCLAW_PUBLIC = cfg.publicAddress;
          OPENCLAW_PRIVATE = cfg.privateAddress;
        };
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${command} up --detach --build --remove-orphans";
          ExecStop = "${command} stop";
          TimeoutStartSec = "30min";
          TimeoutStopSec = 90;
        };
      };
    }
    // lib.mapAttrs' (job: _: {
      name = "openclaw-job-${job}";
      value = lib.recursiveUpdate mine { path = [ pkgs.curl ]; };
    }) timers;

    systemd.user.timers = lib.mapAttrs' (job: _: {
      name = "openclaw-job-${job}";
      value = lib.recursiveUpdate mine { wantedBy = [ "timers.target" ]; };
    }) timers;
  };
}
