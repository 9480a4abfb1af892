scripts/b.sh
