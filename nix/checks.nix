# What `nix flake check` builds.
{ nixpkgs, pkgs }:
let
  inherit (pkgs) lib;

  evaluate =
    modules:
    (nixpkgs.lib.nixosSystem {
      inherit pkgs;
      modules = [
        ./module.nix
        {
          boot.isContainer = true;
          system.stateVersion = lib.trivial.release;
        }
      ]
      ++ modules;
    }).config;
  example = deployment: evaluate [
    ./example/house/openclaw.nix
    deployment
    { users.users.me.isNormalUser = true; }
  ];

  problemsOf =
    settings:
    map ({ message, ... }: message) (
      lib.filter ({ assertion, ... }: !assertion) (evaluate [
        ./example/house/openclaw.nix
        ./example/house/native.nix
        { services.openclaw = settings; }
      ]).assertions
    );
  refusal = name: settings: {
    inherit name;
    refused = lib.any (lib.hasInfix name) (problemsOf settings);
  };
  accepted = lib.filter ({ refused, ... }: !refused) [
    (refusal "settings.key" { settings.key = "not a reference"; })
    (refusal "settings.listen.token.file" { settings.listen.token = lib.mkForce { file = ./flake.nix; }; })
    (refusal "settings.audit.checkpoint_file" {
      settings.audit.checkpoint_file = "postgres://me:password@db/openclaw";
    })
    (refusal "environmentFiles" { environmentFiles = [ ./flake.nix ]; })
    (refusal "credentials.elsewhere" { settings.key.credential = "elsewhere"; })
  ];
in
{
  package = pkgs.callPackage ./package.nix { };

  # Each builds what `claw check` has accepted, and the units that `claw` wrote.
  native = (example ./example/house/native.nix).system.build.toplevel;
  compose = (example ./example/house/compose.nix).system.build.toplevel;

  refusals =
    assert lib.assertMsg (accepted == [ ]) "not refused: ${lib.concatMapStringsSep ", " ({ name, ... }: name) accepted}";
    pkgs.emptyFile;

  vm = pkgs.testers.runNixOSTest ./vm-test.nix;
}
