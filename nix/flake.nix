{
  description = "OpenClaw: a gateway to AI agents over Matrix and Telegram";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      each = nixpkgs.lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ];
      pkgsOf = system: nixpkgs.legacyPackages.${system};
    in
    {
      lib = import ./lib;

      nixosModules.default = ./module.nix;

      packages = each (system: {
        default = (pkgsOf system).callPackage ./package.nix { };
      });

      checks = each (
        system:
        import ./checks.nix {
          inherit nixpkgs;
          pkgs = pkgsOf system;
        }
      );
    };
}
