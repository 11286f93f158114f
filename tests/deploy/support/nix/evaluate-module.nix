# The module, beside stand-ins for the NixOS options it sets and for `pkgs`: a derivation's script is returned as text, and
# its output is named /nix/store/00…-NAME. `houses`: modules, by their files. `nixpkgs`: a folder with nixpkgs' own `lib`,
# in place of the stand-in.
{
  houses,
  nixpkgs ? null,
}:
let
  lib = if nixpkgs == null then import ./stub-lib.nix else import (nixpkgs + "/lib");
  inherit (lib) mkOption types;
  anything = mkOption {
    type = types.attrsOf types.anything;
    default = { };
  };
  packages = mkOption {
    type = types.listOf types.package;
    default = [ ];
  };

  # A derivation that nobody has built.
  made =
    name: more:
    {
      type = "derivation";
      outPath = "/nix/store/00000000000000000000000000000000-${name}";
      inherit name;
    }
    // more;
  written = name: text: made name { outPath = builtins.toFile name text; };
  pkgs = {
    # JSON; who builds it writes it as TOML.
    formats.toml = _: {
      type =
        let
          value = types.oneOf [
            types.bool
            types.int
            types.float
            types.str
            types.path
            (types.attrsOf value)
            (types.listOf value)
          ];
        in
        value;
      generate = name: settings: written name (builtins.toJSON settings);
    };
    runCommand = name: _: script: made name { inherit script; };
    writeText = written;
    writeShellApplication = { name, text, ... }: made name { inherit text; };
    callPackage =
      _: _:
      made "openclaw" {
        nodejs = made "nodejs" { };
        source = made "source" { };
      };
    coreutils = made "coreutils" { };
    curl = made "curl" { };
    openssl = made "openssl" { };
  };

  nixos = {
    options = {
      assertions = mkOption { type = types.listOf types.unspecified; };
      environment.systemPackages = packages;
      services.postgresql = anything;
      services.matrix-synapse = {
        enable = lib.mkEnableOption "Synapse";
        settings = anything;
      };
      systemd = {
        package = mkOption {
          type = types.package;
          default = made "systemd" { };
        };
        inherit packages;
        services = anything;
        timers = anything;
        user.services = anything;
        user.timers = anything;
      };
      users.users = anything;
      virtualisation.docker.rootless = {
        enable = lib.mkEnableOption "Docker";
        package = mkOption {
          type = types.package;
          default = made "docker" { };
        };
      };
    };
  };

  inherit
    (lib.evalModules {
      specialArgs = { inherit pkgs; };
      modules = [
        nixos
        ../../../../nix/module.nix
      ]
      ++ houses;
    })
    config
    ;
in
{
  problems = map ({ message, ... }: message) (lib.filter ({ assertion, ... }: !assertion) config.assertions);
  builds = map ({ name, script, ... }: { inherit name script; }) (
    [ config.services.openclaw.configFolder ] ++ config.systemd.packages
  );
  commands = builtins.listToAttrs (
    map ({ name, text, ... }: {
      inherit name;
      value = text;
    }) config.environment.systemPackages
  );
  inherit (config.systemd) services timers user;
  inherit (config.services) postgresql;
  inherit (config.users) users;
  synapse = config.services.matrix-synapse.settings;
}
