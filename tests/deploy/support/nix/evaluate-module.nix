# The module evaluated by nixpkgs' own library, beside stand-ins for the NixOS options it sets and for `pkgs`: what would be
# built is returned as text. `nixpkgs`: a folder that holds nixpkgs' `lib`. `house`: a module, as a file.
{ nixpkgs, house }:
let
  lib = import (nixpkgs + "/lib");
  inherit (lib) mkOption types;
  anything = mkOption {
    type = types.attrsOf types.anything;
    default = { };
  };

  # A derivation that nobody builds.
  made = name: more: { type = "derivation"; inherit name; outPath = "/nix/store/00000000000000000000000000000000-${name}"; } // more;
  pkgs = {
    formats.toml = _: {
      type =
        let
          value = types.oneOf [ types.bool types.int types.float types.str types.path (types.attrsOf value) (types.listOf value) ];
        in
        value;
      generate = name: settings: made name { inherit settings; };
    };
    runCommand = name: _: script: made name { inherit script; };
    writeText = name: text: made name { inherit text; };
    writeShellApplication = { name, text, ... }: made name { inherit text; };
    callPackage = _: _: made "openclaw" { nodejs = made "nodejs" { }; source = made "source" { }; };
    curl = made "curl" { };
  };

  nixos = {
    options = {
      assertions = mkOption { type = types.listOf types.unspecified; };
      environment.systemPackages = mkOption { type = types.listOf types.package; default = [ ]; };
      services.postgresql = anything;
      services.matrix-synapse = {
        enable = lib.mkEnableOption "";
        settings = anything;
      };
      systemd = {
        package = mkOption { type = types.package; default = made "systemd" { }; };
        packages = mkOption { type = types.listOf types.package; default = [ ]; };
        services = anything;
        timers = anything;
        user.services = anything;
        user.timers = anything;
      };
      users.users = anything;
      virtualisation.docker.rootless = {
        enable = lib.mkEnableOption "";
        package = mkOption { type = types.package; default = made "docker" { }; };
      };
    };
  };

  inherit (lib.evalModules { specialArgs = { inherit pkgs; }; modules = [ nixos ../../../../nix/module.nix house ]; }) config;
  problems = map ({ message, ... }: message) (lib.filter ({ assertion, ... }: !assertion) config.assertions);
  inherit (import ../../../../nix/lib) files;
in
if problems != [ ] then
  { inherit problems; }
else
  {
    problems = [ ];
    settings = files.settings config.services.openclaw.settings;
    sources = map ({ name, source }: { inherit name; source = toString source; }) (files.sources config.services.openclaw.settings);
    folder = config.services.openclaw.configFolder.script;
    units = map ({ script, ... }: script) config.systemd.packages;
    inherit (config.systemd) services timers user;
    commands = map ({ text, ... }: text) config.environment.systemPackages;
    inherit (config.services) postgresql;
    synapse = config.services.matrix-synapse.settings;
    linger = lib.mapAttrs (_: user: user.linger or false) config.users.users;
  }
