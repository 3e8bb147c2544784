print("limeade")
