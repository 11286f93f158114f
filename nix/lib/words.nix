# Helpers over lists and strings, of builtins alone.
let
  inherit (builtins) concatStringsSep elemAt filter genList isString length split;
in
rec {
  # Without what was split at.
  splitAt = separator: text: filter (part: isString part && part != "") (split separator text);

  last = list: elemAt list (length list - 1);

  # [ "a" "b" ] -> [ (f 0 "a") (f 1 "b") ]
  indexed = f: list: genList (index: f index (elemAt list index)) (length list);

  # A key's path as it is written: a."b.c".d
  dotted = path: concatStringsSep "." (map quoted path);

  quoted = name: if builtins.match "[A-Za-z0-9_-]+" name == null then builtins.toJSON name else name;
}
