#!/usr/bin/env bash
# audit_ourselves.sh VERBATIM: serves the built-in model, audits it whole and by halves, compares the two.
set -euo pipefail
verbatim=$1
work=$(mktemp -d)
"$verbatim" serve --port 0 >"$work/log" 2>&1 &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until url=$(grep -o 'http://[0-9.:]*' "$work/log"); do
  kill -0 $server || { cat "$work/log"; exit 1; }
  sleep 0.1
done

fail() { cat "$work"/*.txt; echo "audit_ourselves: $*"; exit 1; }
audit=("$verbatim" audit "$url" -N 16 -n 16 --concurrency 1,8)

"${audit[@]}" --out "$work/a.jsonl" >"$work/a.txt" 2>&1 || fail "exit code $? where 0 was due"
grep -q '^DETERMINISTIC$' "$work/a.txt" || fail "no verdict"
grep -q '16 answers, 1 distinct by tokens' "$work/a.txt" || fail "not one answer"

# Half of it, as an interruption leaves it; then the rest.
head -n 20 "$work/a.jsonl" >"$work/b.jsonl"
torn=$(sed -n 21p "$work/a.jsonl")
printf %s "${torn:0:100}" >>"$work/b.jsonl"
code=0; "$verbatim" audit --from "$work/b.jsonl" >"$work/b.txt" || code=$?
[[ $code == 2 ]] || fail "half an audit has exit code $code"
"${audit[@]}" --out "$work/b.jsonl" -q >"$work/b.txt" 2>&1 || fail "exit code $? after going on"
[[ $(wc -l <"$work/a.jsonl") == $(wc -l <"$work/b.jsonl") ]] || fail "going on repeats or loses something"
"$verbatim" diff "$work/a.jsonl" "$work/b.jsonl" --html "$work/diff.html" >"$work/diff.txt" || fail "diff has exit code $?"

"${audit[@]}" --out "$work/b.jsonl" -q 2>"$work/err" >"$work/b.txt" || fail "exit code $? with nothing to ask"
grep -q 'nobody is asked' "$work/err" || fail "a whole file is reported as if it were new"
grep -q '"word":"The same"' "$work/diff.html" || fail "diff has no page"

code=0; "${audit[@]}" --out "$work/a.jsonl" --endpoint completions 2>"$work/err" || code=$?
[[ $code == 2 ]] || fail "another endpoint has exit code $code"
grep -q 'not of /v1/completions' "$work/err" || fail "another endpoint is not named"

code=0; "$verbatim" audit "$url" -p "" --out "$work/c.jsonl" 2>"$work/err" || code=$?
[[ $code == 2 && ! -e $work/c.jsonl ]] || fail "an empty prompt has exit code $code"
grep -q 'no text' "$work/err" || fail "an empty prompt is not named"

code=0; "$verbatim" audit "$url" -N 18 --out "$work/a.jsonl" 2>"$work/err" || code=$?
[[ $code == 2 ]] || fail "another plan has exit code $code"
grep -q 'another plan' "$work/err" || fail "another plan is not named"
