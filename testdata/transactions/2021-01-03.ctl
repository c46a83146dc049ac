records=0
