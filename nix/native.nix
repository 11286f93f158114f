# The gateway as a hardened service of the machine. Its unit and the timers are those that `claw` writes for the config, so
# that locks and calendars are written once; what NixOS knows better comes as drop-ins.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.openclaw;
  inherit (import ./lib) secrets;
  local = cfg.database.createLocally && cfg.database.url == null;
  timers = if (cfg.settings.scheduler or "external") == "external" then cfg.settings.jobs or { } else { };
  unitName = job: "openclaw-job-${job}";

  units =
    pkgs.runCommand "openclaw-units" { nativeBuildInputs = [ cfg.package ]; }
      ''
        export HOME=$TMPDIR OPENCLAW_CONFIG=${cfg.configFolder}/openclaw.toml
        units=$out/lib/systemd/system
        mkdir -p $units
        claw service systemd --system --dir $units \
          --app ${cfg.package}/lib/openclaw --node ${cfg.package.nodejs}/bin/node \
          ${lib.optionalString cfg.backup.enable "--backup /var/lib/openclaw-backup"}
        ${lib.optionalString (timers != { }) "claw timers systemd --system --dir $units ${tokenOption}"}
      '';

  # An empty line first: what `claw` wrote is replaced, not added to.
  fresh = lines: [ "" ] ++ lines;
  # The secrets of a service that needs the credentials of these names.
  secretLines = names: {
    LoadCredential = fresh (loadLines names cfg.credentials);
    LoadCredentialEncrypted = fresh (loadLines names cfg.encryptedCredentials);
    EnvironmentFile = fresh cfg.environmentFiles;
  };
  loadLines =
    names: files: map (name: "${name}:${files.${name}}") (lib.filter (name: files ? ${name}) names);
  needed = lib.unique (secrets.referred "credential" cfg.settings);

  # Where the timers find the gateway's token, alone in a file; null: nowhere.
  tokenRef = cfg.settings.listen.token or { };
  tokenName = tokenRef.credential or "";
  tokenFile =
    if cfg.tokenFile != null then
      cfg.tokenFile
    else
      tokenRef.file or cfg.credentials.${tokenName} or null;
  tokenIsEncrypted = tokenFile == null && cfg.encryptedCredentials ? ${tokenName};
  tokenOption = lib.optionalString (tokenFile != null) "--token-file ${lib.escapeShellArg tokenFile}";

  declared = cfg.credentials // cfg.encryptedCredentials;
  missing = lib.filter (name: !(declared ? ${name})) needed;

  # A process beside the gateway, with its config, its secrets and its rights; root alone can start one.
  claw = pkgs.writeShellApplication {
    name = "claw";
    runtimeInputs = [ config.systemd.package ];
    text = ''
      terminal=--pipe
      if [ -t 0 ] && [ -t 1 ]; then terminal=--pty; fi
      exec systemd-run --quiet --collect --wait "$terminal" --service-type=exec \
        ${lib.escapeShellArgs (map (property: "--property=${property}") clawProperties)} \
        ${lib.escapeShellArgs (lib.mapAttrsToList (name: value: "--setenv=${name}=${value}") environment)} \
        ${cfg.package}/bin/claw "$@"
    '';
  };
  clawProperties = [
    "DynamicUser=yes"
    "User=openclaw"
    "StateDirectory=openclaw"
    "StateDirectoryMode=0700"
  ]
  ++ lib.concatLists (
    lib.mapAttrsToList (name: lines: map (line: "${name}=${line}") (lib.tail lines)) (secretLines needed)
  );
  environment = {
    OPENCLAW_CONFIG = "${cfg.configFolder}/openclaw.toml";
  }
  // withDatabase.environment;

  withDatabase = {
    requires = lib.optional local "postgresql.target";
    after = lib.optional local "postgresql.target";
    # No password: PostgreSQL asks the kernel who is at the other end of its socket.
    environment = lib.optionalAttrs local {
      DATABASE_URL = "postgres://openclaw@localhost/openclaw?host=/run/postgresql";
    };
  };
in
{
  config = lib.mkIf (cfg.enable && cfg.deployment == "native") {
    assertions = [
      {
        assertion = missing == [ ];
        message = "services.openclaw.settings refer to credentials that are not there: set services.openclaw.credentials.${lib.concatStringsSep ", services.openclaw.credentials." missing} to the file that holds it";
      }
      {
        assertion = timers == { } || tokenFile != null || tokenIsEncrypted;
        message = ''services.openclaw.jobs need a token that timers can read: set services.openclaw.settings.listen.token to { credential = "…"; } or { file = "…"; }, or services.openclaw.tokenFile to a file that holds the token alone'';
      }
      {
        assertion = local || cfg.database.url != null || cfg.environmentFiles != [ ];
        message = "services.openclaw.database: set url, or createLocally = true";
      }
    ];

    services.openclaw.settings.listen = {
      public = cfg.publicAddress;
      private = cfg.privateAddress;
    };

    environment.systemPackages = [ claw ];

    services.postgresql = lib.mkIf local {
      enable = true;
      ensureDatabases = [ "openclaw" ];
      ensureUsers = [
        {
          name = "openclaw";
          ensureDBOwnership = true;
          # It makes the role that the gateway acts as, which may only add to the audit trail.
          ensureClauses.createrole = true;
        }
      ];
    };

    systemd.packages = [ units ];

    systemd.services = {
      openclaw = withDatabase // {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = secretLines needed;
      };

      openclaw-backup = lib.mkIf cfg.backup.enable (withDatabase // { serviceConfig = secretLines needed; });

      openclaw-registration = lib.mkIf cfg.registration.enable {
        description = "OpenClaw: the application service's registration";
        # Not required by it: a change of settings would restart the homeserver.
        wantedBy = [ "matrix-synapse.service" ];
        before = [ "matrix-synapse.service" ];
        environment.OPENCLAW_CONFIG = "${cfg.configFolder}/openclaw.toml";
        serviceConfig = secretLines (secrets.referred "credential" { inherit (cfg.settings) matrix; }) // {
          Type = "oneshot";
          RemainAfterExit = true;
          # As root, which may do nothing but give it away: the files of secrets hold more than the homeserver's user may know,
          # who could read the environment of a process of its own.
          RuntimeDirectory = "openclaw-registration";
          RuntimeDirectoryMode = "0700";
          ExecStart = "${cfg.package}/bin/claw matrix register --keep-tokens --url ${lib.escapeShellArg cfg.registration.url} --out ${cfg.registration.file}";
          ExecStartPost = "${pkgs.coreutils}/bin/chown ${lib.escapeShellArg "${cfg.registration.user}:"} ${cfg.registration.file} ${dirOf cfg.registration.file}";
          CapabilityBoundingSet = [ "CAP_CHOWN" ];
          NoNewPrivileges = true;
          PrivateNetwork = true;
          PrivateTmp = true;
          ProtectHome = true;
          ProtectSystem = "strict";
        };
      };
    }
    // lib.mapAttrs' (job: _: {
      name = unitName job;
      value = {
        path = [ pkgs.curl ];
        serviceConfig = lib.optionalAttrs tokenIsEncrypted {
          LoadCredential = fresh [ ];
          LoadCredentialEncrypted = "${tokenName}:${cfg.encryptedCredentials.${tokenName}}";
        };
      };
    }) timers;

    systemd.timers =
      lib.mapAttrs' (job: _: {
        name = unitName job;
        value.wantedBy = [ "timers.target" ];
      }) timers
      // lib.optionalAttrs cfg.backup.enable { openclaw-backup.wantedBy = [ "timers.target" ]; };

    services.matrix-synapse.settings.app_service_config_files = lib.mkIf cfg.registration.enable [
      cfg.registration.file
    ];
  };
}
