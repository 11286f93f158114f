# services.openclaw: settings become the config, the timers and the registration.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.openclaw;
  inherit (import ./lib) files secrets;

  withPrompt =
    kind: name: table:
    lib.filterAttrs (_: value: value != null) (removeAttrs table [ "instructions" ])
    // lib.optionalAttrs (table.instructions != null) { prompt = "prompts/${kind}-${name}.md"; };
  texts =
    kind: tables:
    lib.concatLists (
      lib.mapAttrsToList (
        name: table:
        lib.optional (table.instructions != null) {
          name = "prompts/${kind}-${name}.md";
          label = "services.openclaw.${kind}s.${name}.instructions";
          text = table.instructions;
        }
      ) tables
    );
  instructions = texts "agent" cfg.agents ++ texts "job" cfg.jobs;

  places =
    lib.concatMap (secrets.outsideStore "services.openclaw.environmentFiles") cfg.environmentFiles
    ++ lib.concatLists (
      lib.mapAttrsToList (name: secrets.outsideStore "services.openclaw.credentials.${name}") cfg.credentials
    )
    ++ lib.optionals (cfg.tokenFile != null) (
      secrets.outsideStore "services.openclaw.tokenFile" cfg.tokenFile
    )
    ++ lib.optionals (cfg.compose.postgresEnvironmentFile != null) (
      secrets.outsideStore "services.openclaw.compose.postgresEnvironmentFile" cfg.compose.postgresEnvironmentFile
    );
  problems =
    secrets.inSettings cfg.settings
    ++ lib.concatMap ({ label, text, ... }: secrets.inText label text) instructions
    ++ places;

  # Assertions tell every problem at once; this keeps a secret from the store whatever is evaluated.
  guarded =
    value: if problems == [ ] then value else throw (lib.concatStringsSep "\n" problems);

  toml = (pkgs.formats.toml { }).generate "openclaw.toml" (files.settings (guarded cfg.settings));
  configFolder =
    pkgs.runCommand "openclaw-config" { nativeBuildInputs = [ cfg.package ]; }
      ''
        mkdir -p $out
        cp ${toml} $out/openclaw.toml
        ${lib.concatMapStrings ({ name, source, ... }: ''
          mkdir -p $out/$(dirname ${lib.escapeShellArg name})
          cp -r ${source} $out/${lib.escapeShellArg name}
        '') (
          files.sources cfg.settings
          ++ map ({ name, text, ... }: {
            inherit name;
            source = pkgs.writeText (baseNameOf name) text;
          }) (guarded instructions)
        )}
        ${lib.optionalString (cfg.deployment == "compose") ''
          # compose.yaml names files of secrets beside the config: here they are empty, and an override adds yours.
          touch $out/.env $out/postgres.env
        ''}
        HOME=$TMPDIR claw check --no-secrets --config $out/openclaw.toml
      '';
in
{
  imports = [
    ./options.nix
    ./native.nix
    ./compose.nix
  ];

  config = lib.mkIf cfg.enable {
    assertions = map (message: {
      assertion = false;
      inherit message;
    }) problems;

    services.openclaw = {
      inherit configFolder;
      settings = {
        data_dir = lib.mkDefault "/var/lib/openclaw";
        agents = lib.mapAttrs (withPrompt "agent") cfg.agents;
        jobs = lib.mapAttrs (withPrompt "job") cfg.jobs;
        telegram = cfg.telegram;
      }
      // lib.optionalAttrs (cfg.matrix != null) { inherit (cfg) matrix; }
      // lib.optionalAttrs (cfg.database.url != null) { database = { inherit (cfg.database) url; }; };
    };
  };
}
