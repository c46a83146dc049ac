# Answers as the processor of the other pipelines does: twice the amount, and
# every tenth record is left out.
while read -r line; do
	id=${line#*'"id":'}
	id=${id%%,*}
	amount=${line##*'"amount":'}
	amount=${amount%'}'}
	case $id in
	*0) echo '{"keep":false}' ;;
	*) echo "{\"amount\":$((2 * amount))}" ;;
	esac
done
