# A stand-in for the part of nixpkgs' `lib` that the module uses, for machines without nixpkgs: it merges definitions, fills
# in defaults and heeds mkIf and mkDefault. It checks no types.
let
  inherit (builtins) attrNames attrValues concatLists concatMap concatStringsSep elem elemAt filter foldl' head isAttrs isList listToAttrs length mapAttrs replaceStrings;
  mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  optionalAttrs = condition: set: if condition then set else { };
  optionals = condition: list: if condition then list else [ ];
  last = list: elemAt list (length list - 1);
  escapeShellArg =
    text:
    if builtins.match "[[:alnum:],._+:@%/-]+" (toString text) != null then toString text
    else "'${replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";

  isIf = value: isAttrs value && value._type or "" == "if";
  isDefault = value: isAttrs value && value._type or "" == "default";
  isOption = value: value._type or "" == "option";
  isPlainSet = value: isAttrs value && !(value ? outPath) && !(value ? _type);

  # Definitions of one place, with their conditions heeded and what is only a default left out where there is more.
  settle =
    definitions:
    let
      held = concatMap (value: if isIf value then optionals value.condition (settle [ value.content ]) else [ value ]) definitions;
      firm = filter (value: !isDefault value) held;
    in
    if firm != [ ] then firm else map (value: value.content) held;
  merge =
    definitions:
    let
      values = settle definitions;
      keys = attrNames (foldl' (all: set: all // set) { } values);
    in
    if values == [ ] then { }
    else if builtins.all isList values then concatLists values
    else if builtins.all isPlainSet values then
      listToAttrs (map (name: { inherit name; value = merge (concatMap (set: optionals (set ? ${name}) [ set.${name} ]) values); }) (filter (name: settle (concatMap (set: optionals (set ? ${name}) [ set.${name} ]) values) != [ ]) keys))
    else last values;

  # What a type adds to a value: the defaults of its own options.
  complete =
    type: value:
    if value == null then null
    else if type ? options then mapAttrs (_: option: option.default or (throw "an option without value")) (builtins.removeAttrs type.options (attrNames value)) // value
    else if type ? each then (if isList value then map (complete type.each) value else mapAttrs (_: complete type.each) value)
    else if type ? one then complete type.one value
    else value;

  # Definitions below a key, without asking whether their condition holds.
  below =
    key: definition:
    if isIf definition then map (content: definition // { inherit content; }) (below key definition.content)
    else optionals (definition ? ${key}) [ definition.${key} ];
  valuesOf =
    options: definitions:
    mapAttrs (
      key: option:
      let
        here = concatMap (below key) definitions;
      in
      if isOption option then
        let
          given = settle here;
        in
        complete option.type (if given != [ ] then merge here else option.default or (throw "${key} is used but not defined"))
      else
        valuesOf option here
    ) options;
  mergeOptions = foldl' recursiveUpdate { };
  recursiveUpdate =
    one: two:
    one // mapAttrs (key: value: if isPlainSet value && isPlainSet (one.${key} or null) then recursiveUpdate one.${key} value else value) two;

  evalModules =
    { modules, specialArgs }:
    let
      load = module: if builtins.isPath module || builtins.isString module then import module else module;
      arguments = specialArgs // { inherit config lib; };
      flat = concatMap (
        module:
        let
          loaded = load module;
          body = if builtins.isFunction loaded then loaded arguments else loaded;
        in
        [ body ] ++ flat (body.imports or [ ])
      );
      all = flat modules;
      config = valuesOf (mergeOptions (map (module: module.options or { }) all)) (
        map (module: module.config or (builtins.removeAttrs module [ "imports" "options" ])) all
      );
    in
    { inherit config; };

  types = listToAttrs (map (name: { inherit name; value = { }; }) [ "anything" "attrs" "bool" "float" "int" "lines" "package" "path" "str" "unspecified" ]) // {
    attrsOf = each: { inherit each; };
    listOf = each: { inherit each; };
    nullOr = one: { inherit one; };
    either = _: _: { };
    oneOf = _: { };
    enum = _: { };
    submodule = { options, ... }: { inherit options; };
  };

  lib = {
    inherit concatLists concatMap escapeShellArg evalModules filter head mapAttrs mapAttrs' mapAttrsToList optionalAttrs optionals recursiveUpdate types;
    inherit (builtins) concatStringsSep tail;
    mkOption = option: option // { _type = "option"; };
    mkEnableOption = description: { _type = "option"; type = types.bool; default = false; inherit description; };
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkDefault = content: { _type = "default"; inherit content; };
    literalExpression = text: text;
    concatMapStrings = f: list: concatStringsSep "" (map f list);
    escapeShellArgs = list: concatStringsSep " " (map escapeShellArg list);
    filterAttrs = keep: set: listToAttrs (concatMap (name: optionals (keep name set.${name}) [ { inherit name; value = set.${name}; } ]) (attrNames set));
    getAttrs = names: set: listToAttrs (map (name: { inherit name; value = set.${name}; }) names);
    optional = condition: value: optionals condition [ value ];
    optionalString = condition: text: if condition then text else "";
    unique = foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
  };
in
lib
