"""A live node watched for long: the containers of other clients as trials. It only reads."""
