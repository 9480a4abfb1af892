scripts/a.sh
