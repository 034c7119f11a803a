# Writes each line of block YAML as its whole path and its value, `spec.ports.name=http`, so that a
# pattern can name a place; other lines become empty, so that line numbers stay. Items of a list
# have the path of the list. Each file goes to one of its name in the folder `to`. It knows the YAML
# of manifests, not all of YAML.
function pop(indent, is_item) {
    # An item may stand as far left as the key of its list.
    while (depth > 0 && (at[depth] > indent || (at[depth] == indent && !is_item))) depth--
}
FNR == 1 { block = -1; depth = 0; if (out) close(out); out = to "/" FILENAME }
{
    path = ""
    text = $0
    match(text, /^ */)
    indent = RLENGTH
    text = substr(text, indent + 1)
    if (text == "") { print "" >out; next }
    if (block >= 0 && indent > block) { print "" >out; next }
    block = -1
    if (text ~ /^#/) { print "" >out; next }
    if (text ~ /^---/) { depth = 0; print "" >out; next }
    if (text ~ /^- /) pop(indent, 1); else pop(indent, 0)
    while (match(text, /^- +/)) {
        text = substr(text, RLENGTH + 1)
        indent += RLENGTH
    }
    sub(/[ \t]+#.*$/, "", text)
    value = text
    if (match(text, /^[^ "'{\[][^ ]*:( |$)/)) {
        key = substr(text, 1, RLENGTH)
        sub(/: ?$/, "", key)
        value = substr(text, RLENGTH + 1)
        depth++
        at[depth] = indent
        name[depth] = key
    }
    for (i = 1; i <= depth; i++) path = path (i > 1 ? "." : "") name[i]
    if (value ~ /^[|>][-+0-9]*$/) { block = indent; value = "" }
    gsub(/^["']|["']$/, "", value)
    print path "=" value >out
}
