# What bash reads before the command of ingest's image (BASH_ENV), whatever that is: tags differ in how they set up the Rubin stack.
python() {
  if [ "$1" = ingest/ingest.py ]; then exec python /wait/wait.py "$@"; fi
  command python "$@"
}
