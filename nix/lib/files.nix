# The config folder: path literals in settings (prompts, avatars, a folder of tools) become files beside openclaw.toml, so
# that the folder is whole wherever it is mounted.
let
  inherit (builtins)
    attrNames
    baseNameOf
    concatLists
    concatMap
    concatStringsSep
    isAttrs
    isList
    mapAttrs
    typeOf
    ;
  inherit (import ./words.nix) indexed splitAt;

  isPath = value: typeOf value == "path";

  place =
    path: value:
    "files/${
      concatStringsSep "-" (map (part: concatStringsSep "_" (splitAt "[^A-Za-z0-9_]+" part)) path)
    }/${baseNameOf value}";

  relative =
    path: value:
    if isPath value then
      place path value
    else if isAttrs value && !(value ? outPath) then
      mapAttrs (name: relative (path ++ [ name ])) value
    else if isList value then
      indexed (index: relative (path ++ [ (toString index) ])) value
    else
      value;

  sources =
    path: value:
    if isPath value then
      [
        {
          name = place path value;
          source = value;
        }
      ]
    else if isAttrs value && !(value ? outPath) then
      concatMap (name: sources (path ++ [ name ]) value.${name}) (attrNames value)
    else if isList value then
      concatLists (indexed (index: sources (path ++ [ (toString index) ])) value)
    else
      [ ];

  # A key without a value is left out: TOML has no null.
  withoutNull =
    value:
    if isAttrs value && !(value ? outPath) then
      mapAttrs (_: withoutNull) (
        removeAttrs value (builtins.filter (name: value.${name} == null) (attrNames value))
      )
    else if isList value then
      map withoutNull value
    else
      value;
in
{
  # Settings as they stand in openclaw.toml.
  settings = value: relative [ ] (withoutNull value);
  # What is copied beside it: [ { name = "files/…"; source = ./prompts/ops.md; } ]
  sources = value: sources [ ] value;
}
