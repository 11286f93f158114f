{
  description = "A house with OpenClaw: an example";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    openclaw = {
      # Where your clone is; its flake is in the folder nix.
      url = "git+https://git.example/me/openclaw?dir=nix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      self,
      nixpkgs,
      openclaw,
    }:
    let
      # Refuses to evaluate where a folder of secrets has got into this repository.
      source = openclaw.lib.secrets.without "secrets" self;
    in
    {
      nixosConfigurations.house = nixpkgs.lib.nixosSystem {
        system = "x86_64-linux";
        modules = [
          openclaw.nixosModules.default
          "${source}/openclaw.nix"
          # Or compose.nix, for rootless Docker. And your machine's own modules.
          "${source}/native.nix"
        ];
      };
    };
}
