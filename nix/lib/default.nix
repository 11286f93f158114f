# What needs no nixpkgs.
{
  compose = import ./compose.nix;
  files = import ./files.nix;
  npmLock = import ./npm-lock.nix;
  secrets = import ./secrets.nix;
}
